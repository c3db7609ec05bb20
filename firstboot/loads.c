/*
 * A library that nobody loads: it needs what git/libgit.c and common/transfer.c load by name, so that the
 * tools that look at programs (dpkg-shlibdeps, when the agent's package is made) find out which packages and
 * versions that are.
 */
extern int git_libgit2_init(void);
extern int curl_global_init(long flags);
int agent_loads(void);

int agent_loads(void)
{
	return git_libgit2_init() + curl_global_init(0);
}
