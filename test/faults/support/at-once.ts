/** Works on so many at a time; the outcomes in the order of what they are of. */
export async function atOnce<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const outcomes: R[] = [];
  const entries = items.entries();
  const lanes = Array.from({ length: limit }, async () => {
    for (const [index, item] of entries) outcomes[index] = await work(item);
  });
  await Promise.all(lanes);
  return outcomes;
}
