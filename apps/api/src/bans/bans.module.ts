import { Module } from '@nestjs/common';
import { BansController } from './bans.controller.js';
import { BansService } from './bans.service.js';

@Module({ controllers: [BansController], providers: [BansService] })
export class BansModule {}
