import { Module } from '@nestjs/common';
import { MountsController } from './mounts.controller.js';
import { MountsService } from './mounts.service.js';

@Module({ controllers: [MountsController], providers: [MountsService] })
export class MountsModule {}
