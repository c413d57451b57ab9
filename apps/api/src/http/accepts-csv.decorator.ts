import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type ApiRequest, headerOf } from './exchange.js';

/** Whether the request's Accept asks for CSV. */
export const AcceptsCsv = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const accept = headerOf(context.switchToHttp().getRequest<ApiRequest>(), 'accept') ?? '';
  return /(?:^|,)\s*text\/csv\b/i.test(accept);
});
