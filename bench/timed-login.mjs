import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** Milliseconds from USER to 230. `from` is the address to come from: a server may treat one source's logins in turn. */
export async function timedLogin({ port, user, password, from }) {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from }).setNoDelay();
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const reply = async (code) => {
    const { value } = await lines.next();
    if (!value?.startsWith(`${code} `)) throw new Error(`${user}: ${value}`);
  };
  try {
    await reply(220);
    const startedAt = performance.now();
    socket.write(`USER ${user}\r\n`);
    await reply(331);
    socket.write(`PASS ${password}\r\n`);
    await reply(230);
    return performance.now() - startedAt;
  } finally {
    socket.end('QUIT\r\n');
  }
}
