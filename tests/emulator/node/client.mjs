// What an application does with the official client: node client.mjs grpc|rest PORT QUEUE_ID TARGET_URL
// Prints one line of JSON with what came back.
import {CloudTasksClient} from '@google-cloud/tasks';
import grpc from '@grpc/grpc-js';

const [wire, port, id, url] = process.argv.slice(2);
const anonymous = {getRequestHeaders: async () => new Headers(), request: undefined};
const client =
  wire === 'grpc'
    ? new CloudTasksClient({apiEndpoint: '127.0.0.1', port: Number(port), sslCreds: grpc.credentials.createInsecure()})
    : new CloudTasksClient({apiEndpoint: '127.0.0.1', port: Number(port), fallback: true, protocol: 'http', auth: auth()});

function auth() {
  return {
    getRequestHeaders: async () => new Headers(),
    getClient: async () => anonymous,
    fetch: (address, options) => fetch(address, options),
    getUniverseDomain: async () => 'googleapis.com',
  };
}

const location = client.locationPath('node', 'europe-west1');
const name = client.queuePath('node', 'europe-west1', id);
const refused = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    return error.code;
  }
};

const [queue] = await client.createQueue({
  parent: location,
  queue: {name, rateLimits: {maxDispatchesPerSecond: 50, maxConcurrentDispatches: 3}},
});
const again = await refused(() => client.createQueue({parent: location, queue: {name}}));
const [paused] = await client.pauseQueue({name});
const body = Buffer.from('{"n": 1}').toString('base64');
const taskName = client.taskPath('node', 'europe-west1', id, 'one');
const httpRequest = {httpMethod: 'POST', url, body, headers: {'Content-Type': 'application/json'}};
const [task] = await client.createTask({parent: name, task: {name: taskName, httpRequest}});
await client.createTask({parent: name, task: {httpRequest: {...httpRequest, httpMethod: 'PUT'}}});
const [tasks] = await client.listTasks({parent: name, responseView: 'FULL'});
const paged = [];
for await (const each of client.listTasksAsync({parent: name, pageSize: 1})) paged.push(each.name);
const missing = await refused(() => client.getTask({name: `${name}/tasks/none`}));
const [policy] = await client.getIamPolicy({resource: name});
const [updated] = await client.updateQueue({
  queue: {name, rateLimits: {maxDispatchesPerSecond: 20}},
  updateMask: {paths: ['rate_limits.max_dispatches_per_second']},
});
const [resumed] = await client.resumeQueue({name});
console.log(
  JSON.stringify({
    queue: queue.name,
    again,
    paused: paused.state,
    task: task.name,
    bodies: tasks.map((each) => Buffer.from(each.httpRequest.body).toString()),
    paged: paged.length,
    missing,
    bindings: policy.bindings.length,
    rates: [updated.rateLimits.maxDispatchesPerSecond, updated.rateLimits.maxConcurrentDispatches],
    resumed: resumed.state,
  }),
);
await client.close();
