export { Supervisor } from './supervisor.js';
export type { Backoff, ChildCrash, ChildSpec, ChildState, SupervisorEvents } from './supervisor.js';
export { answerParent, askParent, exitFatally, reportReady, stopOnRequest } from './child.js';
export { FATAL_EXIT_CODE, FatalError, listenError, type ListenTarget } from './fatal-error.js';
export { assertPortFree } from './port-check.js';
export { eachLine } from './line-splitter.js';
export { stepBack } from './step-back.js';
export { dropStartGarbage } from './drop-start-garbage.js';
export { GLIBC_SETTINGS, letCompile, RESTING_NODE_OPTIONS, WORKER_NODE_OPTIONS } from './child-settings.js';
