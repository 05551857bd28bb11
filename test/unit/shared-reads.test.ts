import { SharedReads } from '../../src/link-client/shared-reads';

/** Reads whose answers the test gives, in the order they began. */
function manualReads() {
  const begun: { resolve(value: string): void; reject(error: Error): void }[] = [];
  const start = () =>
    new Promise<string>((resolve, reject) => {
      begun.push({ resolve, reject });
    });
  return { begun, start };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('SharedReads', () => {
  it('lets those who come during a read share the next one, and none of them that read', async () => {
    const reads = new SharedReads<string>();
    const { begun, start } = manualReads();
    const first = reads.read('k', start);
    const later = [reads.read('k', start), reads.read('k', start), reads.read('k', start)];
    await turn();
    expect(begun).toHaveLength(1);
    begun[0]?.resolve('old');
    expect(await first).toBe('old');
    await turn();
    expect(begun).toHaveLength(2);
    const latest = reads.read('k', start);
    begun[1]?.resolve('new');
    expect(await Promise.all(later)).toEqual(['new', 'new', 'new']);
    await turn();
    begun[2]?.resolve('newest');
    expect(await latest).toBe('newest');
    expect(begun).toHaveLength(3);
  });

  it('goes on after a read that failed', async () => {
    const reads = new SharedReads<string>();
    const { begun, start } = manualReads();
    const first = reads.read('k', start);
    const second = reads.read('k', start);
    begun[0]?.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    begun[1]?.resolve('back');
    expect(await second).toBe('back');
  });

  it('keeps keys apart, and begins at once when nothing is under way', async () => {
    const reads = new SharedReads<string>();
    const { begun, start } = manualReads();
    const one = reads.read('a', start);
    const other = reads.read('b', start);
    expect(begun).toHaveLength(2);
    begun[1]?.resolve('b');
    begun[0]?.resolve('a');
    expect([await one, await other]).toEqual(['a', 'b']);
    await turn();
    void reads.read('a', start);
    expect(begun).toHaveLength(3);
  });
});
