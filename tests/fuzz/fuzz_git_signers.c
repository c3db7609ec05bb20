/* Lines of allowed_signers. */
#include "signers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	const char *const lines[] = { text, NULL };
	char who[SSHSIG_WHO];

	(void)signers_find(
		lines, &(struct signer_query){ "key", 3, "git", 1700000000, "SHA256:x" }, who);
	free(text);
	return 0;
}
