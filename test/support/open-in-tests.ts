/**
 * Opens something before the tests of a file or `describe` and closes it after them. What is answered stands for it, and may
 * be used from the first test on.
 */
export function openInTests<T extends { close(): unknown }>(open: () => Promise<T>): T {
  let opened: T | undefined;
  const present = (): T => {
    if (!opened) throw new Error('It is there once beforeAll has run.');
    return opened;
  };
  beforeAll(async () => {
    opened = await open();
  }, 180_000);
  afterAll(() => opened?.close());
  return new Proxy<T>(Object.create(null), {
    get(_, name) {
      const value: unknown = Reflect.get(present(), name);
      return typeof value === 'function' ? value.bind(present()) : value;
    },
    set: (_, name, value) => Reflect.set(present(), name, value),
  });
}
