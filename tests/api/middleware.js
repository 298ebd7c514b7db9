// SPDX-License-Identifier: ISC
// What the tests need of an API besides json-server's own routes.
module.exports = (request, response, next) => {
  // Who may: see auth_request in rest-api.conf.
  if (request.path === '/auth')
    return response.status(request.get('Authorization') === 'Bearer good' ? 204 : 401).end();

  // What the API was asked, byte for byte. As a secret it is for one client alone.
  if (request.path.startsWith('/echo')) {
    if (request.query.secret) response.set('Cache-Control', 'private');
    return response.type('json').send(JSON.stringify({method: request.method,
      url: request.originalUrl, authorization: request.get('Authorization') ?? ''}));
  }

  // A slow API: ?delay=MILLISECONDS, before anything is done.
  const {delay} = request.query;
  delete request.query.delay;
  setTimeout(next, delay ?? 0);
};
