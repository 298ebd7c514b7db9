// SPDX-License-Identifier: ISC
// An API with the habits that real ones have, which knows nothing of fcgiwait.
//
//	node habits.mjs PORT
//
// Every request is told in a line on standard output: method, URL as it came, host.
import { createServer } from 'node:http';

const documents = new Map();    // by host and path: {version, ...}
const LAG = 400;                // ms until a read of /queue shows what was written

let revoked = false;            // every right, by POST /revoke

const key = (request) => `${request.headers.host} ${request.url.split('?')[0]}`;
const find = (request) => documents.get(key(request)) ?? { version: 0 };

function send(response, status, value, headers = {}) {
	const body = value === undefined ? '' : JSON.stringify(value);
	response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers });
	response.end(body);
}

// Guarded writes, as a framework does them: RFC 9110, sections 13.1.1 and 13.1.2.
function locked(request, response, body, more = {}) {
	const present = find(request);
	const tag = `"v${present.version}"`;
	const headers = { ETag: tag, 'Last-Modified': 'Wed, 01 Jan 2025 00:00:00 GMT', ...more };
	if (request.method === 'PUT') {
		if ('if-match' in request.headers && request.headers['if-match'] !== tag)
			return send(response, 412, { error: 'changed meanwhile' }, headers);
		documents.set(key(request), { version: present.version + 1, ...JSON.parse(body) });
		return send(response, 204, undefined, { ETag: `"v${present.version + 1}"` });
	}
	if (request.headers['if-none-match'] === tag ||
		request.headers['if-modified-since'] === headers['Last-Modified']) {
		response.writeHead(304, headers).end();
		return undefined;
	}
	return send(response, 200, present, headers);
}

const who = (request) => request.headers.authorization ?? request.headers['x-api-key'] ?? request.headers.cookie ?? 'nobody';

function plain(request, response, body, headers = {}) {
	if (request.method === 'GET' || request.method === 'HEAD')
		return send(response, 200, { ...find(request), who: who(request), host: request.headers.host }, headers);
	documents.set(key(request), { version: find(request).version + 1 });
	return send(response, 200, {}, headers);
}

// By what the path begins with.
const habits = {
	locked,
	plain,
	raw: (request, response) => send(response, 200, { url: request.url }),
	paged: (request, response) => {
		const query = new URL(request.url, 'http://host').searchParams;
		send(response, 200, { index: query.get('index'), wait: query.get('wait'), url: request.url });
	},
	'private-': (request, response, body) => plain(request, response, body, { 'Cache-Control': 'private' }),
	rails: (request, response, body) => locked(request, response, body,
		{ 'Cache-Control': 'max-age=0, private, must-revalidate' }),
	nocache: (request, response, body) => plain(request, response, body, { 'Cache-Control': 'no-cache' }),
	cookie: (request, response, body) => plain(request, response, body, { 'Set-Cookie': `seen=${Date.now()}` }),
	queue: (request, response) => {
		if (request.method === 'GET')
			return send(response, 200, find(request));
		const { version } = find(request);
		setTimeout(() => documents.set(key(request), { version: version + 1 }), LAG);
		return send(response, 202, {});
	},
	also: (request, response) => send(response, 200, {}, { 'Fcgiwait-Also': request.headers['x-also'] ?? '' }),
	made: (request, response) => send(response, 201, {}, { Location: request.headers['x-location'] }),
	described: (request, response) => send(response, 200, {}, { 'Content-Location': request.headers['x-location'] }),
	moved: (request, response) => send(response, Number(request.headers['x-status'] ?? 200), {},
		request.method === 'GET' ? {} : { Location: request.headers['x-location'] ?? '/elsewhere' }),
	refused: (request, response) => send(response, 422, {}),
	revoke: (request, response) => { revoked = true; send(response, 204); },
	auth: (request, response) => send(response, revoked ? 403 : 204, undefined, { 'X-Auth-Expires': request.headers['x-expires'] ?? '' }),
};

createServer((request, response) => {
	let body = '';
	request.on('data', (piece) => { body += piece; });
	request.on('end', () => {
		console.log(`${request.method} ${request.url} ${request.headers.host}`);
		const name = request.url.split(/[/?]/)[1];
		(habits[name] ?? plain)(request, response, body);
	});
}).listen(Number(process.argv[2]), '127.0.0.1');
