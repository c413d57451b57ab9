import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { nothing } from '../http/fields.js';
import { Answers, AnswersNothing, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { deadEventPage, deadEventPart, deadEventQuery, type DeadEventQuery } from './dead-events.schema.js';
import { DeadEventsService } from './dead-events.service.js';

const removeQuery = z.strictObject({ part: deadEventPart.default('event').describe('Which part of it.') });
const ID = { name: 'id', description: 'Id of the event.', schema: { type: 'string' } } as const;

@ApiTags('Dead events')
@RequireRole('platform-admin')
@Controller('v1/dead-events')
export class DeadEventsController {
  constructor(private readonly dead: DeadEventsService) {}

  @Get()
  @ApiOperation({
    operationId: 'listDeadEvents',
    summary: 'Events that were set aside because they can never be applied as they are, newest first',
  })
  @Answers(deadEventPage, { description: 'A page of dead events' })
  @Fails('cursor.invalid')
  list(@Query({ schema: deadEventQuery }) query: DeadEventQuery) {
    return this.dead.list(query);
  }

  @Post(':id/retry')
  @HttpCode(204)
  @ApiParam(ID)
  @ApiOperation({ operationId: 'retryDeadEvent', summary: 'Hand an event to the consumer again, after an update' })
  @TakesIdempotencyKey()
  @AnswersNothing('It is on its way to the log; where it is refused again, it comes back here')
  @Fails('dead-event.not-found', 'dead-event.not-retryable')
  retry(@CurrentActor() actor: Actor, @Param('id') id: string, @Body({ schema: nothing }) _input: object) {
    return this.dead.retry(actor, id);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiParam(ID)
  @ApiOperation({ operationId: 'removeDeadEvent', summary: 'Forget a dead event; otherwise it is kept for 90 days' })
  @AnswersNothing('It is gone')
  @Fails('dead-event.not-found')
  remove(
    @CurrentActor() actor: Actor,
    @Param('id') id: string,
    @Query({ schema: removeQuery }) query: z.output<typeof removeQuery>,
  ) {
    return this.dead.remove(actor, id, query.part);
  }
}
