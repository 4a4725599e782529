    .code16
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb %dl, drive
    sti
    movw $0x0201, %ax        # read the second sector: how often this disk was booted
    call sector
    incb 0x8000
    movw $0x0301, %ax
    call sector
    movw $hello, %si
    call say
    movb 0x8000, %al
    addb $'0', %al
    call put
    movw $prompt, %si
    call say
    movw $0x602, %dx         # enable the power button event
    movw $0x100, %ax
    outw %ax, %dx
wait:
    hlt
    movl $24, %ecx           # let go of whatever is being unplugged: bus by bus, q35's ACPI hot plug registers
eject:
    decl %ecx
    movw $0xcd0, %dx         # select
    movl %ecx, %eax
    outl %eax, %dx
    movw $0xcc4, %dx         # asked to leave
    inl %dx, %eax
    movw $0xcc8, %dx         # let go
    testl %eax, %eax
    jz 1f
    outl %eax, %dx
1:  testl %ecx, %ecx
    jnz eject
    movw $0x600, %dx
    inw %dx, %ax
    testb $1, %ah
    jnz button
    movw $0x3fd, %dx
    inb %dx, %al
    testb $1, %al
    jz wait
    movw $0x3f8, %dx
    inb %dx, %al
    call put
    cmpb $'h', %al
    je off
    cmpb $'r', %al
    je reset
    jmp wait
button:
    movw $0x600, %dx         # acknowledge
    movw $0x100, %ax
    outw %ax, %dx
    movw $bye, %si
    call say
    cmpb $0, deaf
    jne wait
off:
    movw $0x604, %dx         # sleep state 5
    movw $0x2000, %ax
    outw %ax, %dx
    jmp wait
reset:
    movw $0xcf9, %dx
    movb $6, %al
    outb %al, %dx
    jmp wait
sector:
    movw $0x0002, %cx
    xorb %dh, %dh
    movb drive, %dl
    movw $0x8000, %bx
    int $0x13
    ret
say:
    lodsb
    testb %al, %al
    jz done
    call put
    jmp say
put:
    pushw %dx
    pushw %ax
    movw $0x3fd, %dx
1:  inb %dx, %al
    testb $0x20, %al
    jz 1b
    popw %ax
    movw $0x3f8, %dx
    outb %al, %dx
    popw %dx
done:
    ret
hello:  .asciz "pileus test guest, boot "
prompt: .asciz "\r\nguest login: "
bye:    .asciz "\r\npower button\r\n"
drive:  .byte 0
    .org 509
deaf:   .byte 0
    .word 0xaa55
