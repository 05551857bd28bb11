import { type DevServer, type DevServerOptions, startDevServer } from '../src/dev-server/dev-server';

/** A dev server in memory that tells what it has done. */
export async function startMeteredServer(
  options: Pick<DevServerOptions, 'serverPath' | 'searchAttributes'>,
): Promise<DevServer & { metricsUrl: string }> {
  const server = await startDevServer({ ...options, metricsPort: 0, logLevel: 'error' });
  const { metricsUrl } = server;
  if (metricsUrl === undefined) throw new Error('The server has no metrics.');
  return { ...server, metricsUrl };
}
