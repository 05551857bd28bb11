const TIMEOUT_MS = 3_500;

/** The metrics of the API, as text; undefined where they cannot be read from here. */
export async function readMetrics(publicUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${publicUrl}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return response.ok && text.includes('processor_link_') ? text : undefined;
  } catch {
    return undefined;
  }
}
