import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { Answers, AnswersNothing, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import {
  banOut,
  banPage,
  banQuery,
  type BanQuery,
  createBan,
  type CreateBan,
  endBanQuery,
  type EndBanQuery,
} from './bans.schema.js';
import { BansService } from './bans.service.js';

@ApiTags('Bans')
@RequireRole('platform-admin')
@Controller('v1/bans')
export class BansController {
  constructor(private readonly bans: BansService) {}

  @Get()
  @ApiOperation({ operationId: 'listBans', summary: 'Addresses that are banned for failed logins, newest first' })
  @Answers(banPage, { description: 'A page of bans' })
  @Fails('cursor.invalid')
  list(@Query({ schema: banQuery }) query: BanQuery) {
    return this.bans.list(query);
  }

  @Post()
  @ApiOperation({ operationId: 'createBan', summary: 'Ban an address, at one login or at all' })
  @TakesIdempotencyKey()
  @Answers(banOut, { status: 201, description: 'The ban' })
  create(@CurrentActor() actor: Actor, @Body({ schema: createBan }) input: CreateBan) {
    return this.bans.create(actor, input);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiParam({ name: 'id', description: 'Id of the ban.', schema: { type: 'string' } })
  @ApiOperation({ operationId: 'endBan', summary: 'End a ban; its failures are forgotten' })
  @AnswersNothing('The ban has ended on all nodes')
  @Fails('ban.not-found')
  end(@CurrentActor() actor: Actor, @Param('id') id: string, @Query({ schema: endBanQuery }) query: EndBanQuery) {
    return this.bans.end(actor, id, query.reason);
  }
}
