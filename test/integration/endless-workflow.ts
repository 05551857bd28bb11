/** Never gives way to anything else, as no workflow may. */
export async function endless(): Promise<void> {
  for (;;);
}

export async function brief(): Promise<string> {
  return 'done';
}
