import { Module } from '@nestjs/common';
import {
  CountedLimitsRepository,
  Database,
  LoginRepository,
  QuotaLedgerRepository,
  TrafficRepository,
} from '@quayside/database';
import { ExplainController } from './explain.controller.js';
import { ExplainService } from './explain.service.js';
import { StandingLimits } from './standing-limits.js';

const LOGINS = {
  provide: LoginRepository,
  useFactory: (database: Database) => new LoginRepository(database),
  inject: [Database],
};

const COUNTED = [CountedLimitsRepository, QuotaLedgerRepository, TrafficRepository].map((Repository) => ({
  provide: Repository,
  useFactory: (database: Database) => new Repository(database),
  inject: [Database],
}));

/** Also gives others what the FTP workers read of an account. */
@Module({
  controllers: [ExplainController],
  providers: [ExplainService, StandingLimits, LOGINS, ...COUNTED],
  exports: [LOGINS],
})
export class ExplainModule {}
