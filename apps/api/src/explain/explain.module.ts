import { Module } from '@nestjs/common';
import { Database, LoginRepository } from '@quayside/database';
import { ExplainController } from './explain.controller.js';
import { ExplainService } from './explain.service.js';

const LOGINS = {
  provide: LoginRepository,
  useFactory: (database: Database) => new LoginRepository(database),
  inject: [Database],
};

/** Also gives others what the FTP workers read of an account. */
@Module({ controllers: [ExplainController], providers: [ExplainService, LOGINS], exports: [LOGINS] })
export class ExplainModule {}
