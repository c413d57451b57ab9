import type { ErrorCode } from '@quayside/domain';

/** Where nothing can be stored under a name, STOR and RNTO have 553 (RFC 959 §5.4: 550 is not in their lists). */
export const NO_PLACE: Partial<Record<ErrorCode, number>> = {
  'path.name-refused': 553,
  'path.not-found': 553,
  'path.not-directory': 553,
  'path.is-directory': 553,
  'path.not-regular': 553,
};
