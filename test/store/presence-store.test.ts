import { expect } from 'chai';
import { onBothDatabases } from './both-databases.ts';
import { ids, presenceStoreContract, publication } from './presence-store-contract.ts';
import { openForTest } from './store-contract.ts';

onBothDatabases('publications and subscriptions kept', (newUrl, database) => {
  presenceStoreContract(newUrl);

  if (database === 'SQLite') {
    it('are those of whatever the node is called: a file is for one', async () => {
      const store = await openForTest(await newUrl());
      await store.presence('before').savePublication(publication());
      expect(await ids(store.presence('after').publications(1))).to.deep.equal(['publication-1']);
      await store.close();
    });
  } else {
    it('are those of the node that kept them', async () => {
      const store = await openForTest(await newUrl());
      await store.presence('one').savePublication(publication());
      expect(await ids(store.presence('two').publications(10))).to.deep.equal([]);
      await store.presence('two').removePublication('publication-1');
      expect(await ids(store.presence('one').publications(10))).to.deep.equal(['publication-1']);
      await store.close();
    });
  }
});
