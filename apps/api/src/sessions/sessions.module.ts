import { Module } from '@nestjs/common';
import { PlatformSessionsController } from './platform-sessions.controller.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({ controllers: [SessionsController, PlatformSessionsController], providers: [SessionsService] })
export class SessionsModule {}
