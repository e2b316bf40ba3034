// CouchDB's API on PouchDB, in memory: `node couchdb.js PORT`. The modules are npm's; NODE_PATH says where they are.
const PouchDB = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-memory'))
  .plugin(require('pouchdb-adapter-http'))
  .plugin(require('pouchdb-mapreduce'))
  .plugin(require('pouchdb-replication'))
  .plugin(require('pouchdb-find'));
const app = require('express')();
const couchdb = require('express-pouchdb');
app.use('/', couchdb(PouchDB.defaults({ adapter: 'memory' }), { inMemoryConfig: true, logPath: '/dev/null' }));
app.listen(Number(process.argv[2]), '127.0.0.1');
