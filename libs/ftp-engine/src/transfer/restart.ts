import { DomainError } from '@quayside/domain';

/** A restart position that the file does not reach. */
export function beyondEnd(position: number, size: number): DomainError {
  return new DomainError('restart.beyond-end', {
    detail: `Invalid REST parameter: position (${position}) > file size (${size})`,
  });
}
