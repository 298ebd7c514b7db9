// SPDX-License-Identifier: ISC
// The peer: long polling and event streams as an ordinary Node service does them. Every resource has a set of held
// answers, and one thread serves them all.
//
//	node longpoll.mjs /run/longpoll.sock
//
// GET /PATH?index=N&wait=60s reads, PUT /publish/PATH stores, GET /status tells how many wait.
import { createServer } from 'node:http';
import { parse } from 'node:querystring';

const WAIT_MAX = 60_000;
const resources = new Map();
let index = Date.now() * 1000;
let waiting = 0;

function find(path) {
	let resource = resources.get(path);
	if (resource === undefined)
		resources.set(path, resource = { index: '0', head: headOf('0'), body: null, held: new Set(), streams: new Set() });
	return resource;
}

function headOf(index) {
	return ['X-Polling-Index', index, 'ETag', `"${index}"`, 'Cache-Control', 'no-store', 'Vary', 'Prefer'];
}

function answer(response, resource) {
	response.writeHead(resource.body === null ? 404 : 200, resource.head);
	response.end(resource.body);
}

function letGo(waiter) {
	clearTimeout(waiter.timer);
	waiter.response.removeListener('close', waiter.gone);
	waiting--;
}

function hold(resource, response, wait) {
	const waiter = { response };
	waiter.gone = () => {
		if (resource.held.delete(waiter))
			letGo(waiter);
	};
	waiter.timer = setTimeout(() => {
		waiter.gone();
		response.writeHead(304, headOf(resource.index)).end();
	}, wait);
	response.on('close', waiter.gone);
	resource.held.add(waiter);
	waiting++;
}

function read(path, query, response) {
	const resource = find(path);
	if (query !== '') {
		const asked = parse(query);
		if (asked.index === resource.index) {
			const wait = parseFloat(asked.wait) * 1000;
			hold(resource, response, wait >= 0 && wait <= WAIT_MAX ? wait : WAIT_MAX);
			return;
		}
	}
	answer(response, resource);
}

function eventOf(resource) {
	return `id: ${resource.index}\ndata: ${resource.body ?? ''}\n\n`;
}

function stream(path, response) {
	const resource = find(path);
	response.writeHead(200, ['X-Polling-Index', resource.index, 'Cache-Control', 'no-store',
		'Content-Type', 'text/event-stream', 'X-Accel-Buffering', 'no']);
	response.write(eventOf(resource));
	resource.streams.add(response);
	waiting++;
	const heartbeat = setInterval(() => response.write(':\n'), 20_000);
	response.on('close', () => {
		clearInterval(heartbeat);
		resource.streams.delete(response);
		waiting--;
	});
}

function publish(path, request, response) {
	const pieces = [];
	request.on('data', (piece) => pieces.push(piece));
	request.on('end', () => {
		const resource = find(path);
		const status = resource.body === null ? 201 : 204;
		const held = resource.held;
		resource.index = String(++index);
		resource.body = Buffer.concat(pieces);
		resource.head = [...headOf(resource.index), 'Content-Length', resource.body.length,
			'Content-Type', request.headers['content-type'] ?? 'application/octet-stream'];
		resource.held = new Set();
		response.writeHead(status, { 'X-Polling-Index': resource.index, ETag: `"${resource.index}"` }).end();
		for (const waiter of held) {
			letGo(waiter);
			answer(waiter.response, resource);
		}
		const event = Buffer.from(eventOf(resource));
		for (const stream of resource.streams)
			stream.write(event);
	});
}

const server = createServer((request, response) => {
	const mark = request.url.indexOf('?');
	const path = mark < 0 ? request.url : request.url.slice(0, mark);
	if (path === '/status')
		response.end(JSON.stringify({ waiting }));
	else if (request.method === 'GET' && request.headers.accept === 'text/event-stream')
		stream(path, response);
	else if (request.method === 'GET')
		read(path, mark < 0 ? '' : request.url.slice(mark + 1), response);
	else if (request.method === 'PUT' && path.startsWith('/publish/'))
		publish(path.slice('/publish'.length), request, response);
	else
		response.writeHead(405).end();
});
server.keepAliveTimeout = 0; // nginx keeps its connections as long as it likes
server.requestTimeout = 0;
server.listen({ path: process.argv[2], backlog: 4096 });
