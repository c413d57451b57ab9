-- Anonymous FTP, off by default: a tenant names the account that visitors without a password become, and a folder of
-- its view in which they may leave files that they cannot see.

-- AlterTable
ALTER TABLE "tenant" ADD COLUMN     "anonymous_account_id" UUID,
ADD COLUMN     "anonymous_drop_folder" TEXT;

-- AddForeignKey
ALTER TABLE "tenant" ADD CONSTRAINT "tenant_anonymous_account_id_fkey" FOREIGN KEY ("anonymous_account_id") REFERENCES "account"("id") ON DELETE SET NULL ON UPDATE CASCADE;
