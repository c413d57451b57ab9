import { setImmediate } from 'node:timers/promises';

/** Rounds between two turns: about a millisecond, so that transfers on the same thread hardly notice. */
const ROUNDS_A_TURN = 400;

/** Runs the rounds of a slow hash without holding up everything else that the process does. */
export async function inTurns(rounds: number, round: (index: number) => void): Promise<void> {
  for (let index = 0; index < rounds; index++) {
    if (index > 0 && index % ROUNDS_A_TURN === 0) await setImmediate();
    round(index);
  }
}
