import { Module } from '@nestjs/common';
import { ApiKeysService } from './api-keys.service.js';
import { PlatformApiKeysController } from './platform-api-keys.controller.js';
import { TenantApiKeysController } from './tenant-api-keys.controller.js';

@Module({ controllers: [PlatformApiKeysController, TenantApiKeysController], providers: [ApiKeysService] })
export class ApiKeysModule {}
