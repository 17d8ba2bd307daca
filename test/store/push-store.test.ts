import { onBothDatabases } from './both-databases.ts';
import { noticeStoreContract } from './notice-store-contract.ts';
import { pushStoreContract } from './push-store-contract.ts';

onBothDatabases('pushes and notices', (newUrl) => {
  pushStoreContract(newUrl);
  noticeStoreContract(newUrl);
});
