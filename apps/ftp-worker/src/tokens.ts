export const APP_CONFIG = Symbol('APP_CONFIG');
export const APP_METRICS = Symbol('APP_METRICS');
export const APP_TRACES = Symbol('APP_TRACES');
export const APP_LOG = Symbol('APP_LOG');
export const WORKER_PLACE = Symbol('WORKER_PLACE');
export const CERTIFICATE = Symbol('CERTIFICATE');
export const CLIENT_AUTHORITIES = Symbol('CLIENT_AUTHORITIES');
