/*
 * The smallest guest that the local cloud can be tried with: a boot sector that writes a text to
 * the serial port and then waits for the power button. Boots in half a second, emulated.
 *
 * Sector 0: this. Sectors 1 to 16: what to do, written by run.py:
 *   byte 0        flags: 1 obey the power button, 2 switch off after the text
 *   byte 1        boot counter, a digit; counted up and written back to the disk at each boot
 *   from byte 16  the text, ended by a zero byte; a byte 1 in it stands for the boot counter,
 *                 a byte 2 for a pause of about a second, a byte 3 writes to a place on the disk
 *                 where nothing was written before
 */
	.code16
	.text
	.globl _start

	.set TEXT, 0x7e00
	.set COM1, 0x3f8
	.set PM1_STATUS, 0x600		/* where SeaBIOS puts the power management of a q35 */
	.set PM1_ENABLE, 0x602
	.set PM1_CONTROL, 0x604
	.set POWER_BUTTON, 0x0100
	.set SLEEP_ENABLE, 0x2000	/* with sleep type 0: off */
	.set BIOS_TICKS, 0x046c		/* 18.2 a second */

_start:
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	movb	%dl, drive

	movb	$0x42, %ah
	call	disk
	incb	TEXT + 1
	movb	$0x43, %ah
	call	disk

	movw	$PM1_ENABLE, %dx
	movw	$POWER_BUTTON, %ax
	outw	%ax, %dx

	movw	$TEXT + 16, %si
next:
	lodsb
	testb	%al, %al
	jz	ended
	cmpb	$1, %al
	je	counter
	cmpb	$2, %al
	je	pause
	cmpb	$3, %al
	je	far
put:
	movb	%al, %bl
	movw	$COM1 + 5, %dx
busy:
	inb	%dx, %al
	testb	$0x20, %al
	jz	busy
	movw	$COM1, %dx
	movb	%bl, %al
	outb	%al, %dx
	jmp	next
counter:
	movb	TEXT + 1, %al
	jmp	put
pause:
	movl	BIOS_TICKS, %ecx
	addl	$18, %ecx
1:	hlt
	cmpl	%ecx, BIOS_TICKS
	jb	1b
	jmp	next

far:
	pushw	%si
	movl	$1024, packet + 8
	movb	$0x43, %ah
	call	disk
	popw	%si
	jmp	next

ended:
	testb	$2, TEXT
	jnz	off
wait:
	hlt
	testb	$1, TEXT
	jz	wait
	movw	$PM1_STATUS, %dx
	inw	%dx, %ax
	testw	$POWER_BUTTON, %ax
	jz	wait
off:
	movw	$PM1_CONTROL, %dx
	movw	$SLEEP_ENABLE, %ax
	outw	%ax, %dx
	jmp	off

/* Reads (ah 0x42) or writes (0x43) the sectors of the text. */
disk:
	movb	drive, %dl
	xorb	%al, %al
	movw	$packet, %si
	int	$0x13
	ret

drive:	.byte	0
	.align	4
packet:
	.byte	16, 0
	.word	16			/* sectors */
	.word	TEXT, 0			/* to offset, segment */
	.quad	1			/* from sector */

	.org	510
	.word	0xaa55
