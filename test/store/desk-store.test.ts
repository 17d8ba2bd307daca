import { onBothDatabases } from './both-databases.ts';
import { deskStoreContract } from './desk-store-contract.ts';
import { preferenceStoreContract } from './preference-store-contract.ts';

onBothDatabases('what owners do with their mailboxes', (newUrl) => {
  deskStoreContract(newUrl);
  preferenceStoreContract(newUrl);
});
