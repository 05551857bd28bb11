/** Sets an entry as the newest of the map, and drops the oldest ones beyond the limit. */
export function setNewest<K, V>(entries: Map<K, V>, limit: number, key: K, value: V): void {
  entries.delete(key);
  entries.set(key, value);
  for (const oldest of entries.keys()) {
    if (entries.size <= limit) return;
    entries.delete(oldest);
  }
}
