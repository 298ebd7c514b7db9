// SPDX-License-Identifier: ISC
// A small REST API over PostgreSQL, for postgres.sh: GET, POST, PATCH and DELETE of /posts. It knows
// nothing of fcgiwait. API_SOCKET names the socket that it serves, DATABASE_URL the database.
import http from 'node:http';
import pg from 'pg';

const pool = new pg.Pool({connectionString: process.env.DATABASE_URL});
pool.on('error', () => {});     // an idle connection was lost: the next query makes another

const columns = 'id, title, author, changed';
const one = async (text, values) => (await pool.query(text, values)).rows[0];

async function answer(method, id, body) {
  if (method === 'GET' && id === undefined) {
    return [200, (await pool.query(`SELECT ${columns} FROM posts ORDER BY id`)).rows];
  }
  if (method === 'POST' && id === undefined) {
    return [201, await one(`INSERT INTO posts (title, author) VALUES ($1, $2) RETURNING ${columns}`,
      [body.title, body.author])];
  }
  const row = id === undefined ? undefined
    : method === 'GET' ? await one(`SELECT ${columns} FROM posts WHERE id = $1`, [id])
    : method === 'PATCH' ? await one('UPDATE posts SET title = coalesce($2, title), ' +
      `author = coalesce($3, author), changed = now() WHERE id = $1 RETURNING ${columns}`,
      [id, body.title, body.author])
    : method === 'DELETE' ? await one('DELETE FROM posts WHERE id = $1 RETURNING id', [id])
    : undefined;
  return row === undefined ? [404, {error: 'there is no such post'}] : [200, row];
}

async function read(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return text === '' ? {} : JSON.parse(text);
}

const server = http.createServer(async (request, response) => {
  let status, value;
  try {
    const body = await read(request);
    const [, id] = /^\/posts(?:\/(\d+))?$/.exec(request.url.split('?')[0]) ?? [undefined, '0'];
    [status, value] = await answer(request.method, id, body);
  } catch (error) {
    [status, value] = [error instanceof SyntaxError ? 400 : 500, {error: error.message}];
  }
  response.writeHead(status, {'Content-Type': 'application/json'});
  response.end(request.method === 'HEAD' ? '' : `${JSON.stringify(value)}\n`);
});
server.listen(process.env.API_SOCKET);
