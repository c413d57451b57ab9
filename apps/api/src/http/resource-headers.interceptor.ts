import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { etagOf } from './etag.js';
import type { ApiRequest, ApiResponse } from './exchange.js';

/** ETag from the `version` of an answered resource; Location from the `id` of a created one. */
@Injectable()
export class ResourceHeadersInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<ApiRequest>();
    const response = context.switchToHttp().getResponse<ApiResponse>();
    return next.handle().pipe(
      map((body: unknown) => {
        const { id, version } = (body ?? {}) as { id?: unknown; version?: unknown };
        if (typeof version === 'number') response.setHeader('ETag', etagOf(version));
        if (response.statusCode === 201 && typeof id === 'string') {
          response.setHeader('Location', `${request.path.replace(/\/$/, '')}/${id}`);
        }
        return body;
      }),
    );
  }
}
