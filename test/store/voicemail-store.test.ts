import { onBothDatabases } from './both-databases.ts';
import { voicemailStoreContract } from './voicemail-store-contract.ts';

onBothDatabases('voicemails kept', (newUrl) => voicemailStoreContract(newUrl));
