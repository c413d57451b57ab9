import { Module } from '@nestjs/common';
import { StreamController } from './stream.controller.js';
import { StreamHub } from './stream-hub.js';

@Module({ controllers: [StreamController], providers: [StreamHub], exports: [StreamHub] })
export class StreamModule {}
