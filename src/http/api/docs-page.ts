import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

const DOCUMENT_URL = '/openapi.json';
const DOCS_URL = '/docs';

/** Where Swagger UI's own files are. */
const ASSETS = 'swagger-ui-dist';
const ASSET_TYPES = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
} as const;

// The page loads its own files alone, by relative addresses, so that it works behind a path too. Swagger UI sets
// styles from script. There is no `upgrade-insecure-requests`: it may be served over HTTP.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "base-uri 'none'",
  "connect-src 'self'",
  "font-src 'self' data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>processor-link API</title>
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START_SCRIPT = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  presets: [SwaggerUIBundle.presets.apis],
});
`;

/** The OpenAPI document, and a page to read and try it. */
export function addDocs(app: FastifyInstance, makeDocument: () => object): void {
  let text: string | undefined;
  app.get(DOCUMENT_URL, async (_request, reply) => {
    text ??= JSON.stringify(makeDocument());
    reply.type('application/json; charset=utf-8');
    return text;
  });
  app.get(DOCS_URL, async (_request, reply) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY).type('text/html; charset=utf-8');
    return PAGE;
  });
  app.get(`${DOCS_URL}/`, async (_request, reply) => reply.redirect(`..${DOCS_URL}`));
  app.get(`${DOCS_URL}/start.js`, async (_request, reply) => {
    reply.type('text/javascript; charset=utf-8');
    return START_SCRIPT;
  });
  for (const [name, type] of Object.entries(ASSET_TYPES)) {
    let content: Promise<Buffer> | undefined;
    app.get(`${DOCS_URL}/${name}`, async (_request, reply) => {
      content ??= readFile(require.resolve(`${ASSETS}/${name}`));
      reply.type(type).header('cache-control', 'public, max-age=3600');
      return content;
    });
  }
}
