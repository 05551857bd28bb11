/** The outcome of the work, or `late` once the time has passed; the work itself goes on. */
export function settleWithin<T>(work: Promise<T>, timeoutMs: number, late: T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, timeoutMs, late);
    work.then(
      (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
