// airtable-mcp-server over stdio, its requests sent to the emulator. The package is as npm gives it: its service takes
// the API's address and a fetch function; the upload host is written into it, so the function puts ours in its place.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { MODULES, ENDPOINT, TOKEN } = process.env;
const main = `${MODULES}/airtable-mcp-server/dist/index.js`;
const { AirtableService, createServer } = await import(pathToFileURL(main).href);
const stdio = createRequire(main).resolve('@modelcontextprotocol/sdk/server/stdio.js');
const { StdioServerTransport } = await import(pathToFileURL(stdio.replace('/cjs/', '/esm/')).href);

const toEmulator = (url, options) => fetch(url.replace('https://content.airtable.com', ENDPOINT), options);
const server = createServer({ airtableService: new AirtableService(TOKEN, ENDPOINT, toEmulator) });
await server.connect(new StdioServerTransport());
