/** Receives notifications with Node: NOTIFY_SECRET=whsec_… PORT=8080 npx tsx receiver.ts. Needs the package standardwebhooks. */
import { createServer, type IncomingMessage } from 'node:http';
import { Webhook } from 'standardwebhooks';

interface Notification {
  type: string;
  timestamp: string;
  data: { userId: string; runId: string; job?: string; state: string; code?: string };
}

const { NOTIFY_SECRET = '', PORT = '8080' } = process.env;
const webhook = new Webhook(NOTIFY_SECRET);
/** In production a table with a unique key, written in the same transaction as what `handle` does. */
const seen = new Set<string>();

/** Returns soon, for there are 10 seconds to answer. To know more, read the link: this may be old news. */
function handle({ type, data: { userId, job, state, code } }: Notification): void {
  console.log([type, userId, job, state, code].filter(Boolean).join(' '));
}

async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  // The signature is over the bytes as they came.
  const body = Buffer.concat(chunks).toString();
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  );
  try {
    webhook.verify(body, headers);
  } catch {
    return 400;
  }
  const id = headers['webhook-id'] ?? '';
  if (!seen.has(id)) {
    handle(JSON.parse(body));
    seen.add(id);
  }
  return 204;
}

const server = createServer(async (request, response) => {
  response.statusCode = await receive(request).catch(() => 500);
  response.end();
});
server.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
