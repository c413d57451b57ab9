import { Controller, Get, Header } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../auth/roles.decorator.js';
import { errorsPage } from './errors-page.js';

/** What the `type` of a problem document points to (RFC 9457 §3.1.1). */
@ApiExcludeController()
@Public()
@Controller('docs')
export class DocsController {
  @Get('errors')
  @Header('Content-Type', 'text/markdown; charset=utf-8')
  errors(): string {
    return errorsPage();
  }
}
