import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Precondition } from './etag.js';
import { type ApiRequest, headerOf } from './exchange.js';

/** The request's If-Match as a {@link Precondition}. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext) => {
  return new Precondition(headerOf(context.switchToHttp().getRequest<ApiRequest>(), 'if-match'));
});
