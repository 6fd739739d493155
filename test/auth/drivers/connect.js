// connect.js JSON: node-postgres. Prints the user, or the error.
const fs = require('fs');
const { Client } = require('pg');
const o = JSON.parse(process.argv[2]);
const ssl = o.ca ? { ca: fs.readFileSync(o.ca), servername: o.servername, cert: o.cert && fs.readFileSync(o.cert), key: o.key && fs.readFileSync(o.key) } : undefined;
const client = new Client({ host: '127.0.0.1', port: o.port, database: 'appdb', user: o.user, password: o.password, ssl, enableChannelBinding: !!o.bind });
client.connect()
  .then(() => client.query('SELECT current_user AS u, $1::int + 1 AS n', [41]))
  .then((r) => { console.log(r.rows[0].u); return client.end(); })
  .catch((e) => { console.log(e.message); process.exit(2); });
