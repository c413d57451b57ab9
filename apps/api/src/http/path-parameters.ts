import { ApiParam } from '@nestjs/swagger';

/** `{tenant}` of a route; the access guard reads it. */
export function TenantParam(): MethodDecorator {
  return ApiParam({
    name: 'tenant',
    description: 'Id or slug of the tenant.',
    schema: { type: 'string', examples: ['acme'] },
  });
}

export function AccountParam(): MethodDecorator {
  return ApiParam({ name: 'account', description: 'Id or user name.', schema: { type: 'string', examples: ['web'] } });
}

export function IdParam(what: string): MethodDecorator {
  return ApiParam({ name: 'id', description: `Id of the ${what}.`, schema: { type: 'string', format: 'uuid' } });
}
