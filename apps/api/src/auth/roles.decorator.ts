import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { Role } from './actor.js';

export const REQUIRED_ROLE = 'quayside:required-role';
export const PUBLIC = 'quayside:public';

/** The least role that may call a handler; every handler has one, or is {@link Public}. */
export function RequireRole(role: Role): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(REQUIRED_ROLE, role), ApiBearerAuth('apiKey'));
}

/** A handler that needs no API key. */
export function Public(): MethodDecorator & ClassDecorator {
  return SetMetadata(PUBLIC, true);
}
