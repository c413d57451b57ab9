import { Socket } from 'node:net';

/** V8 learns nothing of a function before it has run a few times. */
const SOCKETS = 32;

/**
 * Node copies the options of each new Socket by `{ ...options }` and then adds to the copy. V8 11 remembers of what kind
 * the options were, and makes such copies quickly, but with a shape that takes no part in the usual transitions: each
 * property that is added makes a new one, for every socket, and what reads the options never knows them. Options without
 * a prototype are of a kind it does not copy like that; having met one it copies all in the usual way, and their shapes
 * are the same from socket to socket. For a process that opens thousands a second, before it does; harmless elsewhere.
 */
export function shareSocketShapes(): void {
  for (let made = 0; made < SOCKETS; made++) new Socket(Object.create(null) as object).destroy();
}
