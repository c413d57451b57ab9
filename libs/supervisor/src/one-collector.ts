/**
 * Options of Node.js for children of which there is one for every core: threads that collect garbage beside the main one
 * would only take turns with it, and cost a fifth of what a small upload costs.
 */
export const ONE_COLLECTOR: readonly string[] = ['--no-parallel-scavenge'];
