import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Actor } from '../auth/actor.js';
import { CurrentActor } from '../auth/current.decorators.js';
import { RequireRole } from '../auth/roles.decorator.js';
import { nothing } from '../http/fields.js';
import { Answers, Fails, TakesIdempotencyKey } from '../http/openapi.decorators.js';
import { IdParam } from '../http/path-parameters.js';
import { nodeOut, nodePage, nodeQuery, type NodeQuery } from './nodes.schema.js';
import { NodesService } from './nodes.service.js';

@ApiTags('Fleet')
@RequireRole('platform-admin')
@Controller('v1/nodes')
export class NodesController {
  constructor(private readonly nodes: NodesService) {}

  @Get()
  @ApiOperation({ operationId: 'listNodes', summary: 'The machines that run workers, by name' })
  @Answers(nodePage, { description: 'A page of nodes' })
  @Fails('cursor.invalid')
  list(@Query({ schema: nodeQuery }) query: NodeQuery) {
    return this.nodes.list(query);
  }

  @Get(':id')
  @IdParam('node')
  @ApiOperation({ operationId: 'getNode', summary: 'Read a node with its workers and its load' })
  @Answers(nodeOut, { description: 'The node' })
  @Fails('node.not-found')
  get(@Param('id') id: string) {
    return this.nodes.get(id);
  }

  @Post(':id/drain')
  @HttpCode(200)
  @IdParam('node')
  @ApiOperation({ operationId: 'drainNode', summary: 'Finish running transfers and take no new sessions' })
  @TakesIdempotencyKey()
  @Answers(nodeOut, { description: 'The node as it is now' })
  @Fails('node.not-found')
  drain(@CurrentActor() actor: Actor, @Param('id') id: string, @Body({ schema: nothing }) _input: object) {
    return this.nodes.setDraining(actor, id, true);
  }

  @Post(':id/undrain')
  @HttpCode(200)
  @IdParam('node')
  @ApiOperation({ operationId: 'undrainNode', summary: 'Take new sessions again' })
  @TakesIdempotencyKey()
  @Answers(nodeOut, { description: 'The node as it is now' })
  @Fails('node.not-found')
  undrain(@CurrentActor() actor: Actor, @Param('id') id: string, @Body({ schema: nothing }) _input: object) {
    return this.nodes.setDraining(actor, id, false);
  }
}
