import { Module } from '@nestjs/common';
import { FleetFigures } from '../metrics/fleet-figures.js';
import { StreamModule } from '../stream/stream.module.js';
import { HealthController } from './health.controller.js';

@Module({ imports: [StreamModule], controllers: [HealthController], providers: [FleetFigures] })
export class HealthModule {}
