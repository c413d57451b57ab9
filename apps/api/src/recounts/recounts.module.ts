import { Module } from '@nestjs/common';
import { RecountsController } from './recounts.controller.js';
import { RecountsService } from './recounts.service.js';

@Module({ controllers: [RecountsController], providers: [RecountsService] })
export class RecountsModule {}
