import { Module } from '@nestjs/common';
import { DeadEventsController } from './dead-events.controller.js';
import { DeadEventsService } from './dead-events.service.js';

@Module({ controllers: [DeadEventsController], providers: [DeadEventsService] })
export class DeadEventsModule {}
