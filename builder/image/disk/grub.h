/*
 * GRUB without grub-install: its configuration as text, and for BIOS the two images patched so
 * that they find each other on the disk.
 */
#pragma once

#include "base.h"

struct buf;
struct error;
struct layout;

/* Where grub-install would leave them, too. */
#define GRUB_DIR  "boot/grub"
#define GRUB_BIOS GRUB_DIR "/i386-pc"

#define GRUB_CONSOLE "console=tty1 console=ttyS0,115200"

/* boot/grub/grub.cfg for these kernels (the suffix of vmlinuz-), the first being the default. */
void grub_config(const char *const *kernels, size_t n, const char *title, struct buf *out);

/* grub.cfg of the ESP, which only finds the root and goes on there. */
void grub_esp_config(struct buf *out);

/* /etc/default/grub.d: so that update-grub on the server writes an equal configuration. */
void grub_defaults(const char *title, struct buf *out);

#define GRUB_BOOT_IMG 512 /* size of boot.img */

/*
 * Tells boot.img that core.img begins at this sector, and core.img's first sector where the rest
 * is. -EINVAL when they are not what they should be.
 */
int grub_patch(uint8_t *boot, size_t boot_len, uint8_t *core, size_t core_len, uint64_t sector);

/* Puts boot.img and core.img of the tree (root: its directory) onto the disk fd. */
int grub_embed(int fd, const struct layout *l, int root, struct error *e);
