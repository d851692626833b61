import { request } from 'node:http';

/** RFC 6749 section 6, for the peers that leave it to their caller: as light as it can be. */
export const refreshRequest = ({ token_endpoint, client_id, refresh_token }) =>
  new Promise((resolve, reject) => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = request(token_endpoint, { method: 'POST', agent: false, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (more) => {
        text += more;
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text)),
      );
    });
    post.on('error', reject);
    post.end(body.toString());
  });
